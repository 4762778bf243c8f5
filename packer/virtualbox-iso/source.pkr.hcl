# An appliance for VirtualBox and whatever else reads OVA, from an installer.

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

variable "guest_os_type" {
  type    = string
  default = "Linux_64"
}

variable "firmware" {
  type    = string
  default = "bios"
}

source "virtualbox-iso" "node" {
  vm_name                  = local.name
  guest_os_type            = var.guest_os_type
  cpus                     = var.cpus
  memory                   = var.memory_mib
  disk_size                = var.disk_gib * 1024
  hard_drive_interface     = "sata"
  hard_drive_discard       = true
  hard_drive_nonrotational = true
  iso_interface            = "sata"
  guest_additions_mode     = "disable"
  vboxmanage               = [["modifyvm", "{{ .Name }}", "--firmware", var.firmware]]
  headless                 = true
  output_directory         = "${path.root}/output-${local.stamp}"
  format                   = "ova"

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
