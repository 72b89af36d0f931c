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

provider "aws" {
  region = var.region
  default_tags {
    tags = { project = "reactal" }
  }
}

module "reactal" {
  source    = "../.."
  region    = var.region
  bucket    = var.bucket
  mails     = var.mails
  month_usd = 500
}

output "store" {
  description = "What a campaign file says."
  value       = module.reactal.store
}

output "cluster" {
  description = "Name of the cluster."
  value       = module.reactal.cluster
}
