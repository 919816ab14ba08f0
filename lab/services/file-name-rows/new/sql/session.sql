CREATE TABLE "Session" (
    "pkId"      SERIAL PRIMARY KEY,
    "sessionId" TEXT NOT NULL,
    "id"        TEXT NOT NULL,
    "data"      TEXT NOT NULL
);

CREATE UNIQUE INDEX "Session_sessionId_id_key" ON "Session" ("sessionId", "id");
CREATE INDEX "Session_sessionId_idx" ON "Session" ("sessionId");
