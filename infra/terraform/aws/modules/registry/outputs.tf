output "urls" {
  description = "Of the repositories, by image."
  value       = { for name, repository in aws_ecr_repository.image : name => repository.repository_url }
}
