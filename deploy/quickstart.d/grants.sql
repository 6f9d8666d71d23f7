-- What datasync's accounts need, and no more. README.md says what each privilege is for.

-- source
GRANT REPLICATION SLAVE, BINLOG MONITOR, BINLOG ADMIN ON *.* TO datasync@127.0.0.1;
GRANT SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT ON shop.* TO datasync@127.0.0.1;
-- end

-- destination
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, LOCK TABLES, CREATE VIEW, SHOW VIEW,
    CREATE ROUTINE, ALTER ROUTINE, TRIGGER, EVENT ON shop.* TO datasync@127.0.0.1;
GRANT ALL PRIVILEGES ON datasync.* TO datasync@127.0.0.1;
GRANT ALL PRIVILEGES ON `datasync\_scratch\_%`.* TO datasync@127.0.0.1;
-- end
