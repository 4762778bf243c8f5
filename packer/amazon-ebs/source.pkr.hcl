# An AMI. Credentials come the way that every AWS tool takes them: AWS_PROFILE, AWS_ACCESS_KEY_ID, a role.

variable "region" {
  type = string
}

variable "instance_type" {
  type = string
}

variable "source_ami" {
  type        = string
  default     = ""
  description = "Empty: the newest of source_ami_name by source_ami_owner."
}

variable "source_ami_name" {
  type    = string
  default = ""
}

variable "source_ami_owner" {
  type        = string
  default     = ""
  description = "An account's number: names alone anybody can give."
}

variable "root_device" {
  type    = string
  default = "/dev/sda1"
}

variable "subnet_id" {
  type    = string
  default = ""
}

variable "public_ip" {
  type    = bool
  default = true
}

variable "ssh_interface" {
  type    = string
  default = "public_ip"
}

variable "instance_profile" {
  type    = string
  default = ""
}

variable "encrypt" {
  type    = bool
  default = true
}

variable "kms_key_id" {
  type    = string
  default = ""
}

variable "ami_users" {
  type    = list(string)
  default = []
}

locals {
  # `gen ami` and `gen launch` find images by these.
  tags = { for name, value in var.facts : "leaven:${name}" => value }
}

source "amazon-ebs" "node" {
  region                      = var.region
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  associate_public_ip_address = var.public_ip
  iam_instance_profile        = var.instance_profile

  source_ami = var.source_ami
  dynamic "source_ami_filter" {
    for_each = [for name in [var.source_ami_name] : name if var.source_ami == ""]
    content {
      filters = {
        name                = source_ami_filter.value
        root-device-type    = "ebs"
        virtualization-type = "hvm"
      }
      owners      = [var.source_ami_owner]
      most_recent = true
    }
  }

  ami_name        = local.name
  ami_description = "Kubernetes node, baked by Leaven"
  ami_users       = var.ami_users
  encrypt_boot    = var.encrypt
  kms_key_id      = var.kms_key_id
  ena_support     = true
  tags            = local.tags
  snapshot_tags   = local.tags
  run_tags        = { Name = local.name }

  launch_block_device_mappings {
    device_name           = var.root_device
    volume_size           = var.disk_gib
    volume_type           = "gp3"
    throughput            = 125
    iops                  = 3000
    delete_on_termination = true
  }

  # Large snapshots take longer than the SDK's own patience.
  aws_polling {
    delay_seconds = 15
    max_attempts  = 240
  }

  ssh_username            = var.ssh_username
  ssh_interface           = var.ssh_interface
  ssh_timeout             = "20m"
  temporary_key_pair_type = "ed25519"
}
