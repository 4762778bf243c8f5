# An image in Glance. Who you are comes from OS_AUTH_URL, OS_USERNAME and their like, or from OS_CLOUD.
# `packer validate` logs in already here: without a reachable Keystone it fails.

variable "flavor" {
  type = string
}

variable "networks" {
  type    = list(string)
  default = []
}

variable "floating_ip_network" {
  type    = string
  default = ""
}

variable "security_groups" {
  type    = list(string)
  default = []
}

variable "source_image_name" {
  type = string
}

source "openstack" "node" {
  flavor              = var.flavor
  networks            = var.networks
  floating_ip_network = var.floating_ip_network
  security_groups     = var.security_groups
  config_drive        = true

  source_image_name = var.source_image_name
  image_name        = local.name
  image_min_disk    = var.disk_gib
  image_visibility  = "private"
  metadata          = var.facts

  ssh_username            = var.ssh_username
  ssh_timeout             = "20m"
  temporary_key_pair_type = "ed25519"
}
