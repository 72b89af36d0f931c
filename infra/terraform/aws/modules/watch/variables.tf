variable "name" {
  description = "What names begin with, and the value of the tag `project` that money is counted by."
  type        = string
}

variable "mails" {
  description = "Who is told."
  type        = list(string)
  default     = []
}

variable "month_usd" {
  description = "What may be spent in a month."
  type        = number
}

variable "bucket" {
  description = "Of the store."
  type        = string
}

variable "database" {
  description = "Name of the database instance."
  type        = string
}

variable "key_arn" {
  description = "Of the key of logs and messages."
  type        = string
}
