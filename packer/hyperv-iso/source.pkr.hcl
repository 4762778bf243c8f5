# A virtual disk for Hyper-V, from an installer. Generation 2 boots by UEFI, generation 1 by BIOS.

variable "iso_url" {
  type        = string
  description = "Installer of the operating system."
}

variable "iso_checksum" {
  type        = string
  description = "sha256:HEX, or file:URL of the publisher's list."
}

variable "boot_command" {
  type        = list(string)
  description = "Keys that send the installer to its answers under http/."
}

variable "generation" {
  type = number
}

variable "switch_name" {
  type    = string
  default = "Default Switch"
}

source "hyperv-iso" "node" {
  vm_name              = local.name
  generation           = var.generation
  cpus                 = var.cpus
  memory               = var.memory_mib
  disk_size            = var.disk_gib * 1024
  switch_name          = var.switch_name
  enable_secure_boot   = var.generation == 2
  secure_boot_template = "MicrosoftUEFICertificateAuthority"
  headless             = true
  output_directory     = "${path.root}/output-${local.stamp}"

  iso_url        = var.iso_url
  iso_checksum   = var.iso_checksum
  http_directory = "${path.root}/http"
  boot_wait      = "5s"
  boot_command   = var.boot_command

  ssh_username           = var.ssh_username
  ssh_private_key_file   = var.ssh_private_key_file
  ssh_timeout            = "60m"
  ssh_handshake_attempts = 200
  shutdown_command       = "shutdown -P now"
}
