output "arns" {
  description = "Of the roles, by service account."
  value       = { for name, role in aws_iam_role.pod : name => role.arn }
}
