output "id" {
  description = "Of the network."
  value       = aws_vpc.this.id
}

output "private_subnets" {
  description = "Where nodes and databases stand."
  value       = aws_subnet.private[*].id
}

output "cidr" {
  description = "Its addresses."
  value       = aws_vpc.this.cidr_block
}
