# Money and logs: a budget that writes before it is spent and when it will be, and alarms.

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_subscription" "mail" {
  for_each  = toset(var.mails)
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_budgets_budget" "month" {
  name         = "${var.name}-month"
  budget_type  = "COST"
  limit_amount = tostring(var.month_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  cost_filter {
    name   = "TagKeyValue"
    values = ["user:project$${var.name}"]
  }
  dynamic "notification" {
    for_each = length(var.mails) == 0 ? [] : [
      { kind = "ACTUAL", share = 50 }, { kind = "ACTUAL", share = 90 }, { kind = "FORECASTED", share = 100 }
    ]
    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = notification.value.kind
      threshold                  = notification.value.share
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.mails
    }
  }
}

resource "aws_cloudwatch_log_group" "campaigns" {
  name              = "/reactal/${var.name}/campaigns"
  retention_in_days = 365
  kms_key_id        = var.key_arn
}

resource "aws_cloudwatch_metric_alarm" "database_disk" {
  alarm_name          = "${var.name}-database-disk"
  alarm_description   = "Less than 2 GiB left for Prefect and MLflow"
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = var.database }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = 2147483648
  period              = 300
  evaluation_periods  = 3
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "store_errors" {
  alarm_name          = "${var.name}-store-errors"
  alarm_description   = "The store answers with errors of its own"
  namespace           = "AWS/S3"
  metric_name         = "5xxErrors"
  dimensions          = { BucketName = var.bucket, FilterId = "EntireBucket" }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 50
  period              = 300
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_s3_bucket_metric" "all" {
  bucket = var.bucket
  name   = "EntireBucket"
}
