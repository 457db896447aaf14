-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
INSERT INTO `users` VALUES ('6319a11aad8fe784821b7947');
