# An image in Google Cloud. Credentials: GOOGLE_APPLICATION_CREDENTIALS, workload identity, or gcloud's own.

variable "project_id" {
  type = string
}

variable "zone" {
  type = string
}

variable "machine_type" {
  type = string
}

variable "source_image_family" {
  type = string
}

variable "source_image_project" {
  type = string
}

variable "image_family" {
  type = string
}

variable "network" {
  type    = string
  default = "default"
}

variable "subnetwork" {
  type    = string
  default = ""
}

variable "use_iap" {
  type        = bool
  default     = false
  description = "Log in through Identity-Aware Proxy; the machine then gets no address of its own."
}

source "googlecompute" "node" {
  project_id   = var.project_id
  zone         = var.zone
  machine_type = var.machine_type
  network      = var.network
  subnetwork   = var.subnetwork

  source_image_family     = var.source_image_family
  source_image_project_id = [var.source_image_project]
  image_name              = local.name
  image_family            = var.image_family
  image_description       = "Kubernetes node, baked by Leaven"
  disk_size               = var.disk_gib
  disk_type               = "pd-ssd"

  enable_secure_boot          = true
  enable_vtpm                 = true
  enable_integrity_monitoring = true
  # What the build does needs no rights in the project.
  disable_default_service_account = true
  use_iap                         = var.use_iap
  omit_external_ip                = var.use_iap
  use_internal_ip                 = var.use_iap

  ssh_username            = var.ssh_username
  ssh_timeout             = "20m"
  temporary_key_pair_type = "ed25519"
}
