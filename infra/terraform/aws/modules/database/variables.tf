variable "name" {
  description = "Of the instance."
  type        = string
}

variable "network" {
  description = "Id of the network."
  type        = string
}

variable "subnets" {
  description = "Private ones, of at least two zones."
  type        = list(string)
}

variable "from_security_group" {
  description = "Whose members may connect."
  type        = string
}

variable "key_arn" {
  description = "Of the key that it is encrypted with."
  type        = string
}

variable "machine" {
  description = "Its class."
  type        = string
  default     = "db.t4g.small"
}

variable "multi_az" {
  description = "Whether a second one stands ready in another zone."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether it must be unlocked before it can be destroyed."
  type        = bool
  default     = true
}
