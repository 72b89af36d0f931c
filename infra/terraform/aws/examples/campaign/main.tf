# One account, one region. The state lies in a bucket that state/ has made, locked while somebody changes it:
#   terraform init -backend-config=bucket=NAME-OF-THE-STATE-BUCKET -backend-config=region=eu-central-1

terraform {
  required_version = ">= 1.10"
  backend "s3" {
    key          = "reactal/campaign.tfstate"
    encrypt      = true
    use_lockfile = true
  }
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90, < 6.0"
    }
  }
}

variable "region" {
  description = "Where it is."
  type        = string
  default     = "eu-central-1"
}

variable "bucket" {
  description = "Of the store: a name unique in the world."
  type        = string
}

variable "mails" {
  description = "Who is told of money and alarms."
  type        = list(string)
  default     = []
}

variable "admin_cidrs" {
  description = "From where kubectl may reach the cluster's API; none: from inside the network alone."
  type        = list(string)
  default     = []
}

variable "campaigns" {
  description = "Names of campaigns whose checkpoints go after a while."
  type        = list(string)
  default     = []
}

variable "experiment" {
  description = "true: `terraform destroy` takes all of it, labels too."
  type        = bool
  default     = false
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { project = "reactal" }
  }
}

module "reactal" {
  source      = "../.."
  region      = var.region
  bucket      = var.bucket
  mails       = var.mails
  admin_cidrs = var.admin_cidrs
  campaigns   = var.campaigns
  experiment  = var.experiment
  month_usd   = 500
}

output "store" {
  description = "What a campaign file says."
  value       = module.reactal.store
}

output "cluster" {
  description = "Name of the cluster."
  value       = module.reactal.cluster
}

output "registry" {
  description = "Where images are pushed, by image."
  value       = module.reactal.registry
}

output "database" {
  description = "Address of Postgres, and the secret that holds its password."
  value       = module.reactal.database
}
