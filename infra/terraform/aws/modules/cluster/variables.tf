variable "name" {
  description = "Of the cluster."
  type        = string
}

variable "subnets" {
  description = "Private ones, of at least two zones."
  type        = list(string)
}

variable "kubernetes_version" {
  description = "Of the control plane."
  type        = string
  default     = "1.35"
}

variable "key_arn" {
  description = "Of the key that Kubernetes' secrets are encrypted with."
  type        = string
}

variable "log_key_arn" {
  description = "Of the key of its logs."
  type        = string
}

variable "admin_cidrs" {
  description = "From where kubectl may reach the API; none: from inside the network alone."
  type        = list(string)
  default     = []
  validation {
    condition     = !contains(var.admin_cidrs, "0.0.0.0/0")
    error_message = "The API of the cluster is not for everyone: name the addresses of your office or VPN."
  }
}

variable "node_groups" {
  description = "Machines, whether on spot, whether with a GPU, how many, and the GiB of each one's disk: images, and 10 GiB of scratch a worker."
  type = map(object({
    machines = list(string)
    spot     = bool
    gpu      = bool
    least    = number
    most     = number
    disk_gib = optional(number, 60)
  }))
  nullable = false
  default = {
    small = { machines = ["m7i.large"], spot = false, gpu = false, least = 2, most = 4 }
    # many kinds of one size: the more kinds, the seldomer all of them are taken away
    spot = { machines = ["c7a.4xlarge", "c6a.4xlarge", "c7i.4xlarge", "m7a.4xlarge"], spot = true, gpu = false, least = 0, most = 16, disk_gib = 200 }
    gpu  = { machines = ["g6.xlarge", "g5.xlarge"], spot = true, gpu = true, least = 0, most = 2, disk_gib = 100 }
  }
}
