CREATE TABLE revisions (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,
    generation INTEGER NOT NULL, accepted_ms INTEGER NOT NULL, source TEXT NOT NULL, grp TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (namespace, resource, name, revision)) WITHOUT ROWID;
