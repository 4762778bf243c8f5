# A managed image in Azure, and a version of a gallery's image when one is named.

variable "subscription_id" {
  type    = string
  default = env("ARM_SUBSCRIPTION_ID")

  validation {
    condition     = length(var.subscription_id) > 0
    error_message = "Set ARM_SUBSCRIPTION_ID."
  }
}

variable "tenant_id" {
  type    = string
  default = env("ARM_TENANT_ID")
}

variable "client_id" {
  type    = string
  default = env("ARM_CLIENT_ID")
}

variable "client_secret" {
  type      = string
  default   = env("ARM_CLIENT_SECRET")
  sensitive = true
}

variable "use_azure_cli_auth" {
  type        = bool
  default     = false
  description = "Instead of tenant, client and secret: whoever az login made you."
}

variable "location" {
  type = string
}

variable "resource_group" {
  type = string
}

variable "vm_size" {
  type = string
}

variable "image_publisher" {
  type = string
}

variable "image_offer" {
  type = string
}

variable "image_sku" {
  type        = string
  description = "Of the generation that the gallery's image definition has."
}

variable "gallery" {
  type    = string
  default = ""
}

variable "gallery_image" {
  type    = string
  default = ""
}

source "azure-arm" "node" {
  subscription_id    = var.subscription_id
  tenant_id          = var.tenant_id
  client_id          = var.client_id
  client_secret      = var.client_secret
  use_azure_cli_auth = var.use_azure_cli_auth

  location        = var.location
  vm_size         = var.vm_size
  os_type         = "Linux"
  os_disk_size_gb = max(var.disk_gib, 30)
  image_publisher = var.image_publisher
  image_offer     = var.image_offer
  image_sku       = var.image_sku

  managed_image_name                = local.name
  managed_image_resource_group_name = var.resource_group
  azure_tags                        = var.facts
  async_resourcegroup_delete        = true
  # Publishing to several regions takes longer than the default quarter of an hour.
  polling_duration_timeout = "60m"

  dynamic "shared_image_gallery_destination" {
    for_each = [for name in [var.gallery] : name if name != ""]
    content {
      subscription        = var.subscription_id
      resource_group      = var.resource_group
      gallery_name        = shared_image_gallery_destination.value
      image_name          = var.gallery_image
      image_version       = formatdate("YYYY.MMDD.hhmmss", timestamp())
      replication_regions = [var.location]
    }
  }

  ssh_username            = var.ssh_username
  ssh_timeout             = "20m"
  temporary_key_pair_type = "ed25519"
}
