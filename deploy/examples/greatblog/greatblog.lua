-- GreatBlog, the example of the Magento Data Migration Tool's documentation: what the old shop has
-- in one table, the new one has in two.
--
--   source       greatblog_post (post_id INT, title VARCHAR, content TEXT, author_id SMALLINT,
--                                tags TEXT: "red, green")
--   destination  greatblog_post (post_id INT, title VARCHAR, content TEXT, author_id SMALLINT)
--                greatblog_post_tags (post_id INT, tag VARCHAR, sort_order SMALLINT)
--
-- Give greatblog_post_tags the primary key (post_id, tag): its rows are found by it. Then, with the
-- servers in config.xml and passwords in datasync.yaml:
--
--   datasync migrate data config.xml
--   datasync migrate delta config.xml
--
-- config.xml, map.xml, map-greatblog.xml and deltalog.xml are as for that tool. Its PHP classes are
-- replaced by this file, which datasync.yaml names: the handler NewFormat of map.xml, and the step
-- in whose namespace the classes Integrity, Data, Volume and Delta of config.xml are.

-- "red, green,,red" → {"red", "green"}
local function split(text)
  local list, seen = {}, {}
  for part in (text or ""):gmatch("[^,]+") do
    local tag = part:match("^%s*(.-)%s*$")
    if tag ~= "" and not seen[tag:lower()] then
      seen[tag:lower()] = true
      list[#list + 1] = tag
    end
  end
  return list
end

return {
  map_handlers = {
    -- [b]bold[/b] → <b>bold</b>
    ["Migration\\Handler\\GreatBlog\\NewFormat"] = function(value, at)
      if value == nil or at.params.switch ~= "yes" then return value end
      return (value:gsub("%[(/?%a+)%]", "<%1>"))
    end,
  },

  steps = {
    ["Vendor\\Migration\\Step\\GreatBlog"] = {
      map = "greatblog_map_file",  -- the option of config.xml: posts go where these rules lead them
      group = "delta_greatblog",   -- of deltalog.xml
      source = {"greatblog_post"},
      destination = {"greatblog_post", "greatblog_post_tags"},
      -- Which rows of other tables there are because of this post. It is all that there is to say:
      -- the copy writes them, the delta what is other than before, and the volume check counts them.
      rows = function(post)
        local tags = {}
        for i, tag in ipairs(split(post.tags)) do
          tags[i] = {post_id = post.post_id, tag = tag, sort_order = i}
        end
        return {greatblog_post_tags = tags}
      end,
    },
  },
}
