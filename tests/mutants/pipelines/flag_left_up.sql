-- candidate: flag_left_up
-- mutant of: baseline
-- summary: the flag stays up after insight, and operators never publish again
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER kept BEFORE DELETE ON insight_flag FOR EACH ROW EXECUTE FUNCTION keep();
