output "topic_arn" {
  description = "Where alarms are told; subscribe whatever else should hear them."
  value       = aws_sns_topic.alarms.arn
}

output "log_group" {
  description = "For the pods' logs."
  value       = aws_cloudwatch_log_group.campaigns.name
}
