-- Run once, by the postgres image, when its volume is empty. Each program gets a user and a database of its own.
-- Passwords come by environment, and a statement that fails is not written to the log with them.
SET log_min_error_statement = panic;
\getenv airflow_password STACK_AIRFLOW_DB_PASSWORD
\getenv mlflow_password STACK_MLFLOW_DB_PASSWORD
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT, TEMPORARY ON DATABASE airflow, mlflow FROM PUBLIC;
