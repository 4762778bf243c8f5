# A template in vCenter, from one that is there. Its user and how it logs in are the template's own.

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

variable "template" {
  type        = string
  description = "With open-vm-tools and an SSH server that knows ssh_username."
}

variable "ssh_password" {
  type      = string
  default   = ""
  sensitive = true
}

source "vsphere-clone" "node" {
  vcenter_server      = var.vcenter_server
  username            = var.vcenter_username
  password            = var.vcenter_password
  insecure_connection = var.insecure
  datacenter          = var.datacenter
  cluster             = var.cluster
  resource_pool       = var.resource_pool
  folder              = var.folder
  datastore           = var.datastore

  template = var.template
  vm_name  = local.name
  network  = var.network
  CPUs     = var.cpus
  RAM      = var.memory_mib
  notes    = "Kubernetes node, baked by Leaven"

  # Given, not injected: a template without vApp options takes no temporary key.
  ssh_username         = var.ssh_username
  ssh_password         = var.ssh_password
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "20m"
  ip_wait_timeout      = "20m"
  shutdown_command     = "if [ \"$(id -u)\" = 0 ]; then shutdown -P now; else sudo -n shutdown -P now; fi"
  convert_to_template  = true
}
