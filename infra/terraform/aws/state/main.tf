# The bucket of the state, made once by hand before anything else, with its own state beside it: nothing could lock it before it is there.

terraform {
  required_version = ">= 1.10"
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
}

variable "bucket" {
  description = "A name unique in the world."
  type        = string
}

provider "aws" {
  region = var.region
}

module "state" {
  source             = "../modules/store"
  name               = var.bucket
  keep_versions_days = 365
}

output "bucket" {
  description = "For `terraform init -backend-config=bucket=...`."
  value       = module.state.bucket
}
