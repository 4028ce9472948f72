CREATE TABLE owners (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    memo TEXT NOT NULL,
    PRIMARY KEY (namespace, resource, name)) WITHOUT ROWID;
