# A template in Proxmox VE, from one that is there. Packer gives the clone a key by cloud-init.

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

variable "clone_vm" {
  type        = string
  description = "A template with cloud-init and qemu-guest-agent."
}

source "proxmox-clone" "node" {
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

  clone_vm   = var.clone_vm
  full_clone = true

  network_adapters {
    model  = "virtio"
    bridge = var.bridge
  }

  ssh_username         = var.ssh_username
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "20m"
}
