variable "name" {
  description = "Of the network, and tag by which nodes find it."
  type        = string
}

variable "region" {
  description = "Where it is."
  type        = string
}

variable "cidr" {
  description = "Its addresses, a /16."
  type        = string
  default     = "10.40.0.0/16"
}

variable "zones" {
  description = "Availability zones; more of them have more spot capacity."
  type        = number
  default     = 3
}

variable "flow_logs_group" {
  description = "ARN of a log group for refused connections; null: none."
  type        = string
  default     = null
}

variable "flow_logs_role" {
  description = "ARN of the role that may write them."
  type        = string
  default     = null
}
