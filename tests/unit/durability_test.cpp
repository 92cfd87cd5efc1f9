#include "ferry/durability.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ferry/error.hpp"

namespace ferry {
namespace {

TEST(DurabilityTextTest, ReadsWhatItWrites) {
  for (const Durability durability : {Durability::fast(), Durability::replicated(1),
                                      Durability::replicated(100), Durability::synced()}) {
    EXPECT_EQ(Durability::parse(durability.to_string()), durability);
  }
  EXPECT_EQ(Durability::replicated(2).to_string(), "replicated(2)");
  EXPECT_EQ(Durability::parse("replicated:2"), Durability::replicated(2));
}

TEST(DurabilityTextTest, RefusesWhatIsNoLevel) {
  for (const char* text :
       {"", "slow", "replicated", "replicated()", "replicated:", "replicated(0)", "replicated(101)",
        "replicated:-1", "replicated(1", "replicated:1x", "synced(1)", "FAST"}) {
    try {
      Durability::parse(text);
      ADD_FAILURE() << '"' << text << "\" was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find("durability"), std::string::npos) << error.what();
    }
  }
}

TEST(DurabilityTextTest, RefusesACountThatNobodyReads) {
  Durability durability = Durability::synced();
  durability.replicas = 1;
  EXPECT_THROW(durability.validate(), Error);
  EXPECT_THROW(Durability::replicated(0).validate(), Error);
  EXPECT_NO_THROW(Durability{}.validate());
}

}  // namespace
}  // namespace ferry
