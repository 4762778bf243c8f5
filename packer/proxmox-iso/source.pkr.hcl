# A template in Proxmox VE, from an installer.

variable "proxmox_url" {
  type = string
}

variable "proxmox_username" {
  type    = string
  default = env("PROXMOX_USERNAME")

  validation {
    condition     = length(var.proxmox_username) > 0
    error_message = "Set PROXMOX_USERNAME, such as packer@pve."
  }
}

variable "proxmox_password" {
  type      = string
  default   = env("PROXMOX_PASSWORD")
  sensitive = true

  validation {
    condition     = length(var.proxmox_password) > 0
    error_message = "Set PROXMOX_PASSWORD: secrets come from the environment alone."
  }
}

variable "insecure" {
  type        = bool
  default     = false
  description = "Believe whatever certificate Proxmox shows."
}

variable "proxmox_node" {
  type = string
}

variable "storage_pool" {
  type = string
}

variable "bridge" {
  type    = string
  default = "vmbr0"
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

variable "storage_pool_type" {
  type        = string
  default     = "lvm-thin"
  description = "Packer 1.6 wants to be told; plugins since 1.1.3 see for themselves, and say so in a warning."
}

variable "iso_storage_pool" {
  type        = string
  default     = "local"
  description = "Where Packer uploads the installer to."
}

source "proxmox-iso" "node" {
  proxmox_url              = var.proxmox_url
  username                 = var.proxmox_username
  password                 = var.proxmox_password
  insecure_skip_tls_verify = var.insecure
  node                     = var.proxmox_node

  vm_name                 = local.name
  template_name           = local.name
  template_description    = "Kubernetes node, baked by Leaven"
  os                      = "l26"
  cores                   = var.cpus
  memory                  = var.memory_mib
  scsi_controller         = "virtio-scsi-pci"
  cloud_init              = true
  cloud_init_storage_pool = var.storage_pool
  # The installer puts the agent in: without it Proxmox never says which address the machine has.
  qemu_agent = true

  disks {
    type              = "scsi"
    disk_size         = "${var.disk_gib}G"
    storage_pool      = var.storage_pool
    storage_pool_type = var.storage_pool_type
    format            = "raw"
  }

  network_adapters {
    model  = "virtio"
    bridge = var.bridge
  }

  iso_url          = var.iso_url
  iso_checksum     = var.iso_checksum
  iso_storage_pool = var.iso_storage_pool
  unmount_iso      = true
  http_directory   = "${path.root}/http"
  boot_wait        = "5s"
  boot_command     = var.boot_command

  ssh_username           = var.ssh_username
  ssh_private_key_file   = var.ssh_private_key_file
  ssh_timeout            = "60m"
  ssh_handshake_attempts = 200
}
