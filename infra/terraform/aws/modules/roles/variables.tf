variable "name" {
  description = "What the roles' names begin with."
  type        = string
}

variable "cluster" {
  description = "Name of the cluster whose pods take them."
  type        = string
}

variable "namespace" {
  description = "Where reactal's pods are."
  type        = string
  default     = "reactal"
}

variable "bucket_arn" {
  description = "Of the store's bucket."
  type        = string
}

variable "prefix" {
  description = "Of the store in the bucket, with its slash at the end."
  type        = string
  default     = ""
}

variable "key_arn" {
  description = "Of the key of the store's objects."
  type        = string
}
