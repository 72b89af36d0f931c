-- Once, as the master user: for Prefect and MLflow a user and a database each. docs/deploy/aws.md says how psql gets there.
-- psql "host=ADDRESS user=reactal dbname=prefect sslmode=require" --set prefect=PASSWORD --set mlflow=PASSWORD --file databases.sql
\set ON_ERROR_STOP on
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow';
GRANT prefect, mlflow TO CURRENT_USER;
ALTER DATABASE prefect OWNER TO prefect;
CREATE DATABASE mlflow OWNER mlflow;
