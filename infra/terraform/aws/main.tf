# A whole account's worth of reactal. examples/campaign shows how it is called; docs/deploy/aws.md goes through it.

module "store" {
  source        = "./modules/store"
  name          = var.bucket
  campaigns     = var.campaigns
  force_destroy = var.experiment
}

module "logs_key" {
  source = "./modules/logs_key"
  name   = var.name
  region = var.region
}

module "registry" {
  source        = "./modules/registry"
  name          = var.name
  key_arn       = module.store.key_arn
  force_destroy = var.experiment
}

module "network" {
  source = "./modules/network"
  name   = var.name
  region = var.region
}

module "cluster" {
  source      = "./modules/cluster"
  name        = var.name
  subnets     = module.network.private_subnets
  key_arn     = module.store.key_arn
  log_key_arn = module.logs_key.arn
  admin_cidrs = var.admin_cidrs
  node_groups = var.node_groups
}

module "database" {
  source              = "./modules/database"
  name                = var.name
  network             = module.network.id
  subnets             = module.network.private_subnets
  from_security_group = module.cluster.security_group
  key_arn             = module.store.key_arn
  deletion_protection = !var.experiment
}

module "roles" {
  source     = "./modules/roles"
  name       = var.name
  cluster    = module.cluster.name
  bucket_arn = module.store.arn
  key_arn    = module.store.key_arn
}

module "watch" {
  source    = "./modules/watch"
  name      = var.name
  mails     = var.mails
  month_usd = var.month_usd
  bucket    = module.store.bucket
  database  = var.name
  key_arn   = module.logs_key.arn
}
