# Any machine that answers SSH: bakes it as it stands, and makes no image.

variable "ssh_host" {
  type = string
}

variable "ssh_port" {
  type    = number
  default = 22
}

variable "ssh_password" {
  type      = string
  default   = ""
  sensitive = true
}

source "null" "node" {
  communicator           = "ssh"
  ssh_host               = var.ssh_host
  ssh_port               = var.ssh_port
  ssh_username           = var.ssh_username
  ssh_password           = var.ssh_password
  ssh_private_key_file   = var.ssh_private_key_file
  ssh_timeout            = "10m"
  ssh_handshake_attempts = 20
}
