-- Run at each start, by one server at a time: only additions, so that the version before keeps working beside it.
CREATE TABLE IF NOT EXISTS people (
    name text PRIMARY KEY,
    password text NOT NULL,
    push jsonb
);
CREATE TABLE IF NOT EXISTS rooms (
    name text PRIMARY KEY,
    last bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    room text NOT NULL REFERENCES rooms,
    number bigint NOT NULL,
    id uuid NOT NULL,
    author text NOT NULL,
    text text NOT NULL,
    attachment text,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room, number),
    UNIQUE (author, id)
);
CREATE INDEX IF NOT EXISTS messages_of_author ON messages (author, at DESC);
CREATE TABLE IF NOT EXISTS presence (
    person text NOT NULL,
    server text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (person, server)
);
CREATE TABLE IF NOT EXISTS notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text NOT NULL,
    room text NOT NULL,
    number bigint NOT NULL,
    author text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS notices_due ON notices (due);
