variable "name" {
  description = "Of the bucket: unique in the world."
  type        = string
}

variable "prefix" {
  description = "Under which reactal's store lies in the bucket, with its slash at the end; empty: at its top."
  type        = string
  default     = ""
}

variable "campaigns" {
  description = "Names of campaigns whose checkpoints go after a while. Labels, journals, datasets and models never go."
  type        = list(string)
  default     = []
}

variable "keep_checkpoints_days" {
  description = "How long a checkpoint is kept."
  type        = number
  default     = 14
}

variable "keep_versions_days" {
  description = "How long what was overwritten or deleted can be had back."
  type        = number
  default     = 90
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may take a bucket with labels in it."
  type        = bool
  default     = false
}
