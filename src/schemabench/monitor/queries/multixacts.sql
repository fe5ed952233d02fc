-- How many multixact ids the server gave out after the first.
SELECT pg_catalog.mxid_age('1') AS multixacts
