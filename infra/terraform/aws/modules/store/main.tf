# The object store: labels are never lost (versions), never in the clear, never open, and scratch and old checkpoints go by themselves.

resource "aws_kms_key" "store" {
  description             = "reactal: the object store ${var.name}"
  deletion_window_in_days = 30
  enable_key_rotation     = true
  policy                  = data.aws_iam_policy_document.key.json
}

data "aws_caller_identity" "here" {}

data "aws_iam_policy_document" "key" {
  # the account's own roles decide; without this statement nobody could ever change the key again
  #checkov:skip=CKV_AWS_109:a key's own policy names the key as *
  #checkov:skip=CKV_AWS_111:a key's own policy names the key as *
  #checkov:skip=CKV_AWS_356:a key's own policy names the key as *
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.here.account_id}:root"]
    }
  }
}

resource "aws_s3_bucket" "store" {
  #checkov:skip=CKV_AWS_144:a copy in another region is a choice of money, docs/deploy/aws.md says how
  #checkov:skip=CKV2_AWS_62:nobody listens to events of objects
  #checkov:skip=CKV_AWS_18:requests are seen by CloudTrail's data events where an organisation wants them
  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "store" {
  bucket = aws_s3_bucket.store.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "store" {
  bucket = aws_s3_bucket.store.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.store.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "store" {
  bucket                  = aws_s3_bucket.store.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.store.arn, "${aws_s3_bucket.store.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "store" {
  bucket     = aws_s3_bucket.store.id
  policy     = data.aws_iam_policy_document.tls_only.json
  depends_on = [aws_s3_bucket_public_access_block.store]
}

resource "aws_s3_bucket_lifecycle_configuration" "store" {
  bucket     = aws_s3_bucket.store.id
  depends_on = [aws_s3_bucket_versioning.store]

  rule {
    id     = "stale-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.keep_versions_days
    }
  }
  # checkpoints of a training are of use until it ends; campaigns may stand under any prefix, so they are known by a tag or by prefixes
  dynamic "rule" {
    for_each = toset(var.campaigns)
    content {
      id     = "checkpoints-${rule.value}"
      status = "Enabled"
      filter {
        prefix = "${var.prefix}campaigns/${rule.value}/checkpoints/"
      }
      expiration {
        days = var.keep_checkpoints_days
      }
    }
  }
  rule {
    id     = "probes"
    status = "Enabled"
    filter {
      prefix = "${var.prefix}.probe/"
    }
    expiration {
      days = 1
    }
  }
}
