variable "name" {
  description = "What everything is called, and the value of the tag `project`."
  type        = string
  default     = "reactal"
}

variable "region" {
  description = "Where it is."
  type        = string
}

variable "bucket" {
  description = "Of the store: a name unique in the world."
  type        = string
}

variable "campaigns" {
  description = "Names of campaigns whose checkpoints go after a while."
  type        = list(string)
  default     = []
}

variable "admin_cidrs" {
  description = "From where kubectl may reach the cluster's API; none: from inside the network alone."
  type        = list(string)
  default     = []
}

variable "mails" {
  description = "Who is told of money and alarms."
  type        = list(string)
  default     = []
}

variable "month_usd" {
  description = "What may be spent in a month before somebody is told; what stops a campaign is its own budget.money."
  type        = number
  default     = 500
}

variable "node_groups" {
  description = "Machines; as the module cluster has them where it is null."
  type = map(object({
    machines = list(string)
    spot     = bool
    gpu      = bool
    least    = number
    most     = number
    disk_gib = optional(number, 60)
  }))
  default  = null
  nullable = true
}

variable "experiment" {
  description = "true: `terraform destroy` takes all of it, labels too."
  type        = bool
  default     = false
}
