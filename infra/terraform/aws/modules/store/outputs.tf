output "bucket" {
  description = "Its name."
  value       = aws_s3_bucket.store.id
}

output "arn" {
  description = "Of the bucket."
  value       = aws_s3_bucket.store.arn
}

output "key_arn" {
  description = "Of the key that its objects are encrypted with."
  value       = aws_kms_key.store.arn
}

output "url" {
  description = "What a campaign file says: `store: ...`."
  value       = "s3://${aws_s3_bucket.store.id}/${var.prefix}"
}
