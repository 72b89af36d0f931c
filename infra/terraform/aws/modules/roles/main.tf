# Roles for pods, by workload identity (EKS Pod Identity): no key of the cloud lies anywhere. Each may do what its work needs, no more.

data "aws_iam_policy_document" "pod" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
  }
}

locals {
  objects = "${var.bucket_arn}/${var.prefix}"
  # a driver removes claims, probes, checkpoints and its lease; a worker its claims, probes, checkpoints and old guesses; nobody versions
  may = {
    driver = {
      get    = ["*"], put = ["*"]
      delete = ["claims/*", ".probe/*", "orbitals/*", "campaigns/*/checkpoints/*", "campaigns/*/training/*", "campaigns/*/drivers/*"]
    }
    worker = {
      get    = ["*"], put = ["labels/*", "claims/*", "orbitals/*", ".probe/*", "campaigns/*/checkpoints/*"]
      delete = ["claims/*", ".probe/*", "orbitals/*", "campaigns/*/checkpoints/*"]
    }
    mlflow = { get = ["mlflow/*"], put = ["mlflow/*"], delete = ["mlflow/*"] }
  }
}

data "aws_iam_policy_document" "store" {
  for_each = local.may
  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [var.bucket_arn]
  }
  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for key in each.value.get : "${local.objects}${key}"]
  }
  statement {
    sid       = "Write"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = [for key in each.value.put : "${local.objects}${key}"]
  }
  statement {
    sid       = "Remove"
    actions   = ["s3:DeleteObject"]
    resources = [for key in each.value.delete : "${local.objects}${key}"]
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]
  }
}

resource "aws_iam_role" "pod" {
  for_each             = local.may
  name                 = "${var.name}-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.pod.json
  max_session_duration = 43200
}

resource "aws_iam_role_policy" "store" {
  for_each = local.may
  name     = "store"
  role     = aws_iam_role.pod[each.key].id
  policy   = data.aws_iam_policy_document.store[each.key].json
}

resource "aws_eks_pod_identity_association" "pod" {
  for_each        = local.may
  cluster_name    = var.cluster
  namespace       = var.namespace
  service_account = each.key
  role_arn        = aws_iam_role.pod[each.key].arn
}

# the cluster autoscaler (infra/kubernetes/aws): it sees all groups and changes those of this cluster
data "aws_iam_policy_document" "autoscaler" {
  statement {
    sid = "See"
    actions = [
      "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
      "ec2:DescribeImages", "ec2:GetInstanceTypesFromInstanceRequirements", "eks:DescribeNodegroup",
    ]
    #checkov:skip=CKV_AWS_356:what describes takes no resource
    resources = ["*"]
  }
  statement {
    sid       = "Change"
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/*"]
    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster}"
      values   = ["owned"]
    }
  }
}

resource "aws_iam_role" "autoscaler" {
  name               = "${var.name}-autoscaler"
  assume_role_policy = data.aws_iam_policy_document.pod.json
}

resource "aws_iam_role_policy" "autoscaler" {
  name   = "scale"
  role   = aws_iam_role.autoscaler.id
  policy = data.aws_iam_policy_document.autoscaler.json
}

resource "aws_eks_pod_identity_association" "autoscaler" {
  cluster_name    = var.cluster
  namespace       = "kube-system"
  service_account = "cluster-autoscaler"
  role_arn        = aws_iam_role.autoscaler.arn
}
