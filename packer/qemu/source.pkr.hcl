# A disk image for KVM hosts: from a cloud image (answers under http/ are a NoCloud seed) or from an installer.

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

variable "disk_image" {
  type        = bool
  description = "iso_url is a cloud image, not an installer."
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "Never left to a guess: /dev/kvm that is there but not writable would be chosen, and fail."
}

variable "qemu_binary" {
  type    = string
  default = "qemu-system-x86_64"
}

variable "machine_type" {
  type    = string
  default = "q35"
}

variable "firmware_file" {
  type        = string
  default     = ""
  description = "UEFI with its variables in one file, such as /usr/share/ovmf/OVMF.fd; empty: the machine's BIOS."
}

variable "format" {
  type    = string
  default = "qcow2"
}

source "qemu" "node" {
  iso_url      = var.iso_url
  iso_checksum = var.iso_checksum
  disk_image   = var.disk_image

  accelerator  = var.accelerator
  qemu_binary  = var.qemu_binary
  machine_type = var.machine_type
  cpus         = var.cpus
  memory       = var.memory_mib
  headless     = true
  net_device   = "virtio-net"

  vm_name            = "${local.name}.${var.format}"
  output_directory   = "${path.root}/output-${local.stamp}"
  format             = var.format
  disk_size          = "${var.disk_gib}G"
  disk_interface     = "virtio-scsi"
  disk_discard       = "unmap"
  disk_detect_zeroes = "unmap"
  disk_compression   = var.format == "qcow2"

  http_directory = "${path.root}/http"
  boot_wait      = "5s"
  boot_command   = var.boot_command
  qemuargs = concat(
    # cloud-init finds its seed by the machine's serial number: no ISO has to be made for it.
    [for way in [var.disk_image] : ["-smbios", "type=1,serial=ds=nocloud-net;s=http://{{ .HTTPIP }}:{{ .HTTPPort }}/"] if way],
    # -bios and not a pair of pflash drives: their paths and sizes differ by distribution.
    [for file in [var.firmware_file] : ["-bios", file] if file != ""],
    [["-serial", "file:${path.root}/console-${local.stamp}.log"]],
  )

  ssh_username           = var.ssh_username
  ssh_private_key_file   = var.ssh_private_key_file
  ssh_timeout            = "60m"
  ssh_handshake_attempts = 200
  shutdown_command       = "shutdown -P now"
}
