output "arn" {
  description = "Of the key."
  value       = aws_kms_key.logs.arn
}
