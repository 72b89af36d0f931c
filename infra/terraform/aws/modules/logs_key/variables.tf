variable "name" {
  description = "Of what it belongs to."
  type        = string
}

variable "region" {
  description = "Where its logs are."
  type        = string
}
