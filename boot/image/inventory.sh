#!/bin/bash
# Prints what this machine holds as CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/): OS packages, Kubernetes' release
# binaries, container images. No date and no serial number: same image, same bytes.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C
# shellcheck source=/dev/null
. /etc/os-release
# shellcheck source=/dev/null
. root/etc/leaven/node.env

# One row a component: type, name, version, purl, sha256.
packages() {
  if command -v dpkg-query > /dev/null; then
    dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n' | awk -F'\t' -v id="$ID" -v release="$VERSION_ID" '
      $1=="installed" {print "library\t" $2 "\t" $3 "\tpkg:deb/" id "/" escape($2) "@" escape($3) "?arch=" $4 "&distro=" id "-" release "\t"}
      function escape(s) {gsub("%", "%25", s); gsub("[+]", "%2B", s); return s}'
  else
    rpm -qa --queryformat '%{NAME}\t%|EPOCH?{%{EPOCH}}:{}|\t%{VERSION}-%{RELEASE}\t%{ARCH}\n' | awk -F'\t' -v id="$ID" -v release="$VERSION_ID" '
      $1!="gpg-pubkey" {print "library\t" $1 "\t" ($2=="" ? "" : $2 ":") $3 "\tpkg:rpm/" id "/" escape($1) "@" escape($3) "?arch=" $4 ($2=="" ? "" : "&epoch=" $2) "&distro=" id "-" release "\t"}
      function escape(s) {gsub("%", "%25", s); gsub("[+]", "%2B", s); gsub("\\^", "%5E", s); return s}'
  fi
}
binaries() {
  local file
  sed -n 's/^downloads\t//p' root/etc/leaven/tables | awk -F'\t' '$5=="file"{print $3}' | while read -r file; do
    printf 'application\t%s\t%s\t\t%s\n' "${file##*/}" "$LEAVEN_KUBERNETES_VERSION" "$(sha256sum "$file" | cut -d' ' -f1)"
  done
}
images() {
  ctr -n k8s.io images ls | awk '$1~/:[^:@\/]+$/ && $1!~/@|^sha256:/ {
    repository=tag=$1; sub(/:[^:]*$/, "", repository); sub(/.*:/, "", tag); name=repository; sub(/.*\//, "", name); digest=$3; sub(":", "%3A", digest)
    print "container\t" $1 "\t" $3 "\tpkg:oci/" name "@" digest "?repository_url=" repository "&tag=" tag "\t"}'
}

{
  printf 'operating-system\t%s\t%s\t\t\n' "$ID" "$VERSION_ID"
  packages
  binaries
  images
} | sort -u | awk -F'\t' -v role="$LEAVEN_ROLE" -v version="$LEAVEN_KUBERNETES_VERSION" '
  function json(s) {gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[[:cntrl:]]/, " ", s); return "\"" s "\""}
  BEGIN {
    print "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,"
    print "  \"metadata\": {\"component\": {\"type\": \"operating-system\", \"name\": " json("kubernetes-" role) ", \"version\": " json(version) "}},"
    printf "  \"components\": ["
  }
  {
    printf "%s\n    {\"type\": %s, \"name\": %s, \"version\": %s", (NR>1 ? "," : ""), json($1), json($2), json($3)
    if ($4!="") printf ", \"bom-ref\": %s, \"purl\": %s", json($4), json($4)
    if ($5!="") printf ", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": %s}]", json($5)
    printf "}"
  }
  END {print "\n  ]\n}"}'
