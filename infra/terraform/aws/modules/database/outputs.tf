output "address" {
  description = "Host and port."
  value       = aws_db_instance.this.endpoint
}

output "secret_arn" {
  description = "Of the secret that holds its password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
