CREATE TABLE services (namespace TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, ports TEXT NOT NULL,
    PRIMARY KEY (namespace, name)) WITHOUT ROWID;
