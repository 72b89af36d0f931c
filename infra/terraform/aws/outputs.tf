output "store" {
  description = "What a campaign file says: `store: ...`."
  value       = module.store.url
}

output "registry" {
  description = "Where images are pushed, by image."
  value       = module.registry.urls
}

output "cluster" {
  description = "Name of the cluster."
  value       = module.cluster.name
}

output "database" {
  description = "Address of Postgres, and the secret that holds its password."
  value       = { address = module.database.address, secret = module.database.secret_arn }
}

output "roles" {
  description = "Of the pods, by service account."
  value       = module.roles.arns
}
