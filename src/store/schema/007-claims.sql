CREATE TABLE purges (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (namespace, resource, name)) WITHOUT ROWID;
