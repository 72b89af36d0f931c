output "name" {
  description = "`aws eks update-kubeconfig --name ...` takes it."
  value       = aws_eks_cluster.this.name
}

output "security_group" {
  description = "Of nodes and pods: what the databases let in."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
