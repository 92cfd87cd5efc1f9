#pragma once

#include <filesystem>
#include <string>

inline constexpr const char* index_usage =
    R"(       documents index FOLDER [--database FILE] [--redis URL] [--policy P]
  Indexes once and shows progress and counters; without a URL a private Redis is used.
       documents search WORDS... [--database FILE]
  Searches what was indexed (documents.sqlite in this folder, if no other file is named).
)";

/// `documents index FOLDER …`: producer and worker in one process.
int index_command(int argc, char** argv);

/// `documents search WORDS …`
int search_command(int argc, char** argv);

/// Returns: the best documents for the words, as lines for people.
std::string search_text(const std::filesystem::path& database, const std::string& words);
