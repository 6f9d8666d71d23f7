-- The same audit trail as audit.c, in Lua. Table and configuration: see there.
--
--   handlers: ["audit.lua table=change_audit"]

local target = options:match("^table=([%w_.]+)$") or "change_audit"
local insert = "INSERT INTO " .. target ..
  " (entity, entity_key, table_name, operation, position, committed_at) VALUES (?, ?, ?, ?, ?, ?)"

return {
  entities = {"*"},
  after_apply = function(change)
    for _, row in ipairs(change.rows) do
      db.exec(insert, change.entity, tostring(change.key or ""), row.table, row.operation,
        db.position(), db.commit_time())
    end
  end,
}
