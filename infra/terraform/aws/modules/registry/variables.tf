variable "name" {
  description = "What the repositories' names begin with."
  type        = string
}

variable "key_arn" {
  description = "Of the key that images are encrypted with."
  type        = string
}

variable "keep" {
  description = "How many images of each kind are kept."
  type        = number
  default     = 30
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may take a repository with images in it."
  type        = bool
  default     = false
}
