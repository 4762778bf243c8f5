# A template in vCenter, from an installer. The machine has to reach the HTTP server of the one who runs Packer.

variable "vcenter_server" {
  type = string
}

variable "vcenter_username" {
  type    = string
  default = env("VSPHERE_USER")

  validation {
    condition     = length(var.vcenter_username) > 0
    error_message = "Set VSPHERE_USER: vCenter asks who you are."
  }
}

variable "vcenter_password" {
  type      = string
  default   = env("VSPHERE_PASSWORD")
  sensitive = true

  validation {
    condition     = length(var.vcenter_password) > 0
    error_message = "Set VSPHERE_PASSWORD: secrets come from the environment alone."
  }
}

variable "insecure" {
  type        = bool
  default     = false
  description = "Believe whatever certificate vCenter shows."
}

variable "datacenter" {
  type    = string
  default = ""
}

variable "cluster" {
  type = string
}

variable "resource_pool" {
  type    = string
  default = ""
}

variable "folder" {
  type    = string
  default = ""
}

variable "datastore" {
  type = string
}

variable "network" {
  type = string
}

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
  default = "otherLinux64Guest"
}

variable "firmware" {
  type    = string
  default = "bios"
}

source "vsphere-iso" "node" {
  vcenter_server      = var.vcenter_server
  username            = var.vcenter_username
  password            = var.vcenter_password
  insecure_connection = var.insecure
  datacenter          = var.datacenter
  cluster             = var.cluster
  resource_pool       = var.resource_pool
  folder              = var.folder
  datastore           = var.datastore

  vm_name              = local.name
  guest_os_type        = var.guest_os_type
  firmware             = var.firmware
  CPUs                 = var.cpus
  RAM                  = var.memory_mib
  disk_controller_type = ["pvscsi"]
  notes                = "Kubernetes node, baked by Leaven"

  storage {
    disk_size             = var.disk_gib * 1024
    disk_thin_provisioned = true
  }

  network_adapters {
    network      = var.network
    network_card = "vmxnet3"
  }

  iso_url        = var.iso_url
  iso_checksum   = var.iso_checksum
  remove_cdrom   = true
  http_directory = "${path.root}/http"
  boot_wait      = "5s"
  boot_command   = var.boot_command

  ssh_username           = var.ssh_username
  ssh_private_key_file   = var.ssh_private_key_file
  ssh_timeout            = "60m"
  ssh_handshake_attempts = 200
  # The installer has an address of its own, and loses it.
  ip_settle_timeout   = "1m"
  ip_wait_timeout     = "60m"
  shutdown_command    = "shutdown -P now"
  convert_to_template = true
}
