# The one contract between `gen packer` and every template: node.auto.pkrvars.json gives these a value.
# What only one builder needs is declared in its source.pkr.hcl. Secrets come from the environment alone.

variable "image_name" {
  type        = string
  description = "First part of the image's name; a time stamp makes it unique."
}

variable "facts" {
  type        = map(string)
  description = "What is baked: tags of the image where the platform has tags, and custom_data in manifest.json."
}

variable "ssh_username" {
  type        = string
  description = "Who logs in while the image is made: root on machines that we seed, else the base image's own user."
}

variable "ssh_private_key_file" {
  type        = string
  default     = ""
  description = "Half of bake.sshPublicKey that stays with you. Empty where Packer makes a key of its own."
}

variable "cpus" {
  type    = number
  default = 2
}

variable "memory_mib" {
  type        = number
  default     = 4096
  description = "Importing container images needs more than the 512 MiB that builders give by default."
}

variable "disk_gib" {
  type        = number
  default     = 20
  description = "Of the image; nodes grow the file system on first boot."
}

locals {
  stamp = formatdate("YYYYMMDDhhmmss", timestamp())
  # Names that clash with the last build's would need force_deregister, which breaks what still uses it.
  name = "${var.image_name}-${local.stamp}"
}
