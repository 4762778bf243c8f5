# What happens on the machine, whoever made it. `gen packer` puts the builder's name in place of BUILDER.

locals {
  # Whoever logs in; sudo is not everywhere.
  as_root = "if [ \"$(id -u)\" = 0 ]; then env {{ .Vars }} sh -e {{ .Path }}; else sudo -n env {{ .Vars }} sh -e {{ .Path }}; fi"
}

build {
  sources = ["source.BUILDER.node"]

  provisioner "shell" {
    execute_command = local.as_root
    inline          = ["rm -rf /tmp/leaven && mkdir -m 0700 /tmp/leaven && chown \"$${SUDO_UID:-0}\" /tmp/leaven"]
  }

  provisioner "file" {
    source      = "${path.root}/provision/"
    destination = "/tmp/leaven"
  }

  provisioner "shell" {
    execute_command = local.as_root
    inline          = ["sh /tmp/leaven/bake.sh"]
  }

  provisioner "shell" {
    execute_command = local.as_root
    inline          = ["sh /tmp/leaven/verify.sh"]
  }

  # Before the machine forgets who may log in.
  provisioner "file" {
    direction   = "download"
    source      = "/tmp/leaven/out/sbom.cdx.json"
    destination = "${path.root}/sbom.cdx.json"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/tmp/leaven/out/baked.json"
    destination = "${path.root}/baked.json"
  }

  provisioner "shell" {
    execute_command = local.as_root
    inline          = ["sh /tmp/leaven/generalize.sh"]
    # Packer's own script in /tmp is gone with everything else there.
    skip_clean = true
  }

  post-processor "manifest" {
    output      = "${path.root}/packer-manifest.json"
    custom_data = var.facts
  }

  post-processor "checksum" {
    only           = ["qemu.node", "virtualbox-iso.node", "hyperv-iso.node"]
    checksum_types = ["sha256"]
    output         = "${path.root}/SHA256SUMS"
  }
}
