CREATE TABLE powers (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    power TEXT NOT NULL, force INTEGER NOT NULL, strategy TEXT NOT NULL, uid TEXT NOT NULL,
    PRIMARY KEY (namespace, resource, name)) WITHOUT ROWID;
CREATE TABLE rollbacks (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    snapshot TEXT NOT NULL, force INTEGER NOT NULL, uid TEXT NOT NULL,
    PRIMARY KEY (namespace, resource, name)) WITHOUT ROWID;
